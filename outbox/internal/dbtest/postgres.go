package dbtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/hotsock-go/hotsock/internal/need"
)

var postgres = server{
	user: "postgres",
	start: func(t testing.TB, dir, port string, as *syscall.Credential) *exec.Cmd {
		setUp(t, command(as, dir, postgresProgram(t, "initdb"), "-D", dir, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--no-instructions"))
		// In the file, so that a benchmark can have it otherwise.
		f, err := os.OpenFile(filepath.Join(dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("fsync = off\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return command(as, dir, postgresProgram(t, "postgres"), "-D", dir, "-p", port, "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "shared_buffers=32MB")
	},
	ready: func(port string) error { return exec1("pgx", postgresDSN(port, "postgres"), "select 1") },
}

// postgresProgram finds a program of the newest version: Debian has them in no PATH.
func postgresProgram(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return need.Program(t, name, "postgresql")
	}
	slices.Sort(found)
	return found[len(found)-1]
}

func postgresDSN(port, name string) string {
	return "postgres://postgres@127.0.0.1:" + port + "/" + name + "?sslmode=disable"
}

// Postgres returns the address of a new database of PostgreSQL, for the driver "pgx".
func Postgres(t testing.TB) string {
	t.Helper()
	postgres.need(t)
	name := postgres.name()
	if err := exec1("pgx", postgresDSN(postgres.port, "postgres"), "create database "+name); err != nil {
		t.Fatal(err)
	}
	return postgresDSN(postgres.port, name)
}
