package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// countInRedis writes to Redis at host:6379 and reads back what it wrote: the number of visits so far.
// It uses a connection of its own each time, so that it notices at once when Redis goes away or moves.
func countInRedis(host string) (string, error) {
	if host == "" {
		return "", errors.New("DB_HOST is not set")
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, "6379"), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprint(conn, "INCR labapp:visits\r\nGET labapp:visits\r\n"); err != nil {
		return "", err
	}
	replies := bufio.NewReader(conn)
	written, err := replies.ReadString('\n')
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(written, ":") {
		return "", fmt.Errorf("unexpected answer %q to INCR", strings.TrimSpace(written))
	}
	if _, err := replies.ReadString('\n'); err != nil {
		return "", err
	}
	read, err := replies.ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(read), nil
}
