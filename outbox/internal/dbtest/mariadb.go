package dbtest

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"

	"github.com/hotsock-go/hotsock/internal/need"
)

var mariaDB = server{
	user: "mysql",
	start: func(t testing.TB, dir, port string, as *syscall.Credential) *exec.Cmd {
		setUp(t, command(as, dir, need.Program(t, "mariadb-install-db", "mariadb-server"), "--no-defaults", "--datadir="+dir,
			"--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=16M"))
		cmd := command(as, dir, need.Program(t, "mariadbd", "mariadb-server"), "--no-defaults", "--datadir="+dir,
			"--port="+port, "--bind-address=127.0.0.1", "--socket="+filepath.Join(filepath.Dir(dir), "socket"),
			"--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=16M", "--skip-name-resolve", "--max-connections=300")
		cmd.Env = append(cmd.Env, "TZ=Europe/Berlin") // which has an hour twice
		return cmd
	},
	ready: func(port string) error { return exec1("mysql", mariaDSN(port, ""), "select 1") },
}

func mariaDSN(port, name string) string { return "root@tcp(127.0.0.1:" + port + ")/" + name }

// MariaDB returns the address of a new database of MariaDB, for the driver "mysql".
func MariaDB(t testing.TB) string {
	t.Helper()
	mariaDB.need(t)
	name := mariaDB.name()
	if err := exec1("mysql", mariaDSN(mariaDB.port, ""), "create database "+name+" character set utf8mb4"); err != nil {
		t.Fatal(err)
	}
	return mariaDSN(mariaDB.port, name)
}
