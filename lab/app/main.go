// Command labapp is the application that the lab's fleet runs: small enough to boot at once, and able to misbehave on
// demand.
//
//	labapp           serves HTTP on PORT (3000)
//	labapp worker    does nothing, visibly, until it is told to stop
//
// Environment: PORT; BOOT_DELAY, seconds before it listens; DB_HOST, where its Redis is (DB_HOST:6379);
// NEVER_HEALTHY=1, /up answers 500; NEVER_HEALTHY_ON=host,host, the same on these hosts only. The last two count only
// where KAMAL_HOST is set, that is under Kamal 2: what runs under Kamal 1 stays healthy.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	if len(os.Args) > 1 && os.Args[1] == "worker" {
		work(ctx)
		return
	}
	if len(os.Args) > 1 {
		log.Fatalf("labapp: unknown argument %q; expected none or 'worker'", os.Args[1])
	}
	if err := serve(ctx); err != nil {
		log.Fatalf("labapp: %v", err)
	}
}

func work(ctx context.Context) {
	log.Printf("labapp %s: worker started", version())
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			log.Print("labapp: worker stopped")
			return
		case <-tick.C:
			log.Print("labapp: worker is idle")
		}
	}
}

func serve(ctx context.Context) error {
	if delay := seconds(os.Getenv("BOOT_DELAY")); delay > 0 {
		log.Printf("labapp: booting for %s", delay)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil
		}
	}

	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	server := &http.Server{Addr: ":" + port, Handler: routes()}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.Printf("labapp %s: listening on port %s", version(), port)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Print("labapp: stopping, letting requests finish")
	finish, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(finish); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	waitForSockets(finish)
	return nil
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		host, _ := os.Hostname()
		fmt.Fprintf(w, "labapp %s on %s\n", version(), host)
	})
	mux.HandleFunc("/up", func(w http.ResponseWriter, _ *http.Request) {
		if neverHealthy() {
			log.Print("labapp: DATABASE_URL is not reachable, refusing to be healthy")
			http.Error(w, "unhealthy", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "OK")
	})
	mux.HandleFunc("/redis", func(w http.ResponseWriter, _ *http.Request) {
		count, err := countInRedis(os.Getenv("DB_HOST"))
		if err != nil {
			http.Error(w, "redis: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "redis ok %s\n", count)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(min(seconds(r.URL.Query().Get("s")), time.Minute))
		fmt.Fprintf(w, "slow %s\n", version())
	})
	mux.HandleFunc("/download", download)
	mux.HandleFunc("/upload", upload)
	mux.HandleFunc("/ws", echo)
	return mux
}

func version() string { return os.Getenv("APP_VERSION") }

func neverHealthy() bool {
	host := os.Getenv("KAMAL_HOST")
	if host == "" {
		return false
	}
	if os.Getenv("NEVER_HEALTHY") == "1" {
		return true
	}
	for _, sick := range strings.Split(os.Getenv("NEVER_HEALTHY_ON"), ",") {
		if strings.TrimSpace(sick) == host {
			return true
		}
	}
	return false
}

func seconds(text string) time.Duration {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value < 0 {
		return 0
	}
	return time.Duration(value * float64(time.Second))
}
