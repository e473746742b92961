// main.go: a page from one row of PostgreSQL, by database/sql and lib/pq.
//
// usage: database PORT      the database is that of PGHOST, PGPORT, PGUSER, PGDATABASE
package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"

	_ "github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", "sslmode=disable")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	page, err := db.Prepare("SELECT title FROM pages WHERE id = $1")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		var title string
		if err := page.QueryRow(r.URL.Query().Get("id")).Scan(&title); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<h1>%s</h1>\n", title)
	})
	fmt.Fprintln(os.Stderr, "database:", http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
	os.Exit(1)
}
