// main.go: servers that do what Cadre's do, by Go's own packages.
//
// usage: serve KIND PORT      echo: sends back what comes; http: "/" and "/json"
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func echo(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			bytes := make([]byte, 4096)
			for {
				n, err := connection.Read(bytes)
				if err != nil {
					return
				}
				if _, err := connection.Write(bytes[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func serveHTTP(listener net.Listener) error {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "hello\n")
	})
	http.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(struct {
			Message string `json:"message"`
		}{"hello"})
	})
	return http.Serve(listener, nil)
}

func main() {
	kinds := map[string]func(net.Listener) error{"echo": echo, "http": serveHTTP}
	if len(os.Args) != 3 || kinds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: serve echo|http PORT")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[2])
	if err == nil {
		err = kinds[os.Args[1]](listener)
	}
	fmt.Fprintln(os.Stderr, "serve:", err)
	os.Exit(1)
}
