// Command command-log is what the lab's sshd runs instead of a command that a client asked for (ForceCommand): it runs
// that command just as sshd would, and notes when it began and how it ended. The log is the lab's own truth of what was
// run on a host, whatever the client says of itself.
//
//	command-log FILE
//
// FILE gets two JSON lines per command: {"id","event":"start","at","command"} and {"id","event":"end","at","code"}; `at`
// is in milliseconds since 1970. A command without an end was still running, or went down with its host.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

type line struct {
	ID      string `json:"id"`
	Event   string `json:"event"`
	At      int64  `json:"at"`
	Command string `json:"command,omitempty"`
	Code    *int   `json:"code,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: command-log FILE")
		os.Exit(64)
	}
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	asked, given := os.LookupEnv("SSH_ORIGINAL_COMMAND")
	os.Unsetenv("SSH_ORIGINAL_COMMAND")

	command := exec.Command(shell, "-c", asked)
	if !given {
		command = exec.Command(shell, "-l")
		asked = "(login shell)"
	}
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr

	// A signal from the client goes to the whole process group, the command included: here it must only not end us
	// before the command's end is noted.
	signal.Notify(make(chan os.Signal, 8), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)

	id := fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())
	note(line{ID: id, Event: "start", At: time.Now().UnixMilli(), Command: asked})
	code := 0
	if err := command.Run(); err != nil {
		code = exitCode(err)
	}
	note(line{ID: id, Event: "end", At: time.Now().UnixMilli(), Code: &code})
	os.Exit(code)
}

// exitCode is what a shell would give: 128 + N for a command ended by signal N.
func exitCode(err error) int {
	var exited *exec.ExitError
	if !errors.As(err, &exited) {
		fmt.Fprintln(os.Stderr, err)
		return 127
	}
	if status, ok := exited.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exited.ExitCode()
}

// note appends in one write, so that lines of commands that run at once don't mix. A log that can't be written must not
// change what the client sees.
func note(entry line) {
	file, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer file.Close()
	text, err := json.Marshal(entry)
	if err != nil {
		return
	}
	file.Write(append(text, '\n'))
}
