package main

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// download sends a line every tenth of a second for `?seconds=`, each at once, and says how many there were in the last one.
func download(w http.ResponseWriter, r *http.Request) {
	lines := int(min(seconds(r.URL.Query().Get("seconds")), 10*time.Minute) / (100 * time.Millisecond))
	for line := 1; line <= lines; line++ {
		fmt.Fprintf(w, "line %d\n", line)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Fprintf(w, "downloaded %d\n", lines)
}

// upload reads the body to its end, however slowly it comes, and says how many bytes it had.
func upload(w http.ResponseWriter, r *http.Request) {
	read, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, "upload: "+err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "uploaded %d\n", read)
}
