package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// openSockets are the websockets under way: unlike requests, http.Server's Shutdown doesn't wait for them.
var openSockets sync.WaitGroup

// echo answers each message of a websocket with itself until the client closes it.
func echo(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	openSockets.Add(1)
	defer openSockets.Done()
	defer socket.CloseNow()
	// The request's own context ends when the server stops listening.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Minute)
	defer cancel()
	for {
		kind, message, err := socket.Read(ctx)
		if err != nil {
			return
		}
		if err := socket.Write(ctx, kind, message); err != nil {
			return
		}
	}
}

// waitForSockets returns when the clients have closed their websockets, or the context ends.
func waitForSockets(ctx context.Context) {
	closed := make(chan struct{})
	go func() {
		openSockets.Wait()
		close(closed)
	}()
	select {
	case <-closed:
	case <-ctx.Done():
	}
}
