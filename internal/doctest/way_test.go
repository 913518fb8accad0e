package doctest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

// How many files somebody must open, at the most, to follow a publish through a
// store.
const (
	mostWithMemory = 18
	mostWithRedis  = 28
)

// wayHeader is that of both tables of the way.
const wayHeader = "| file | step | does |"

// A leg is a row of the tables: a file, and the functions in it that a message
// runs through, such as hub.deliver.
type leg struct {
	file  string
	steps []string
}

// ways returns the documented ways of a message, with the store in memory and in
// Redis.
func ways(t *testing.T) (memory, redis []leg) {
	t.Helper()
	_, text, _ := strings.Cut(read(t, architecture), "## How a message flows")
	_, rest, _ := strings.Cut(text, wayHeader)
	memory = legs(t, text)
	for _, l := range memory {
		if !strings.HasPrefix(l.file, "store_memory/") {
			redis = append(redis, l)
		}
	}
	return memory, append(redis, legs(t, rest)...)
}

func legs(t *testing.T, text string) (all []leg) {
	t.Helper()
	for _, row := range rows(t, text, wayHeader) {
		l := leg{file: code.FindStringSubmatch(row[0])[1]}
		for _, m := range code.FindAllStringSubmatch(row[1], -1) {
			l.steps = append(l.steps, m[1])
		}
		all = append(all, l)
	}
	return all
}

// TestWay publishes a message and compares the code that ran with the document.
func TestWay(t *testing.T) {
	way, _ := ways(t)
	if len(way) > mostWithMemory {
		t.Errorf("%d files must be open to follow a message, more than %d", len(way), mostWithMemory)
	}
	ran := published(t)
	known := helpers(t)
	for _, l := range way {
		checkLeg(t, l, ran)
		known[l.file] = true
	}
	for file := range ran {
		if !known[file] && !known[path.Dir(file)] {
			t.Errorf("%s: a publish runs through it, and %s does not say so", file, architecture)
		}
	}
}

func TestWayThroughRedis(t *testing.T) {
	_, way := ways(t)
	if len(way) > mostWithRedis {
		t.Errorf("%d files must be open to follow a message, more than %d", len(way), mostWithRedis)
	}
	ran := published(t, redistest.StartServer(t).Addr)
	for _, l := range way {
		checkLeg(t, l, ran)
	}
}

// helpers returns the files, and the packages, that a message runs through and
// that need not be open.
func helpers(t *testing.T) map[string]bool {
	t.Helper()
	_, text, _ := strings.Cut(read(t, architecture), "A message runs through more code")
	text, _, ok := strings.Cut(text, "`TestWay`")
	if !ok {
		t.Fatal("the list of what need not be open has no end")
	}
	all := make(map[string]bool)
	for _, m := range code.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Error(err)
		}
		all[m[1]] = true
	}
	return all
}

// checkLeg finds the steps in the file, and that they ran, if that can be seen.
func checkLeg(t *testing.T, l leg, ran map[string][]int) {
	t.Helper()
	if len(l.steps) == 0 {
		t.Errorf("%s has no step", l.file)
	}
	if path.Ext(l.file) == ".lua" {
		text := read(t, l.file)
		for _, step := range l.steps {
			if !strings.Contains(text, "function "+step+"(") {
				t.Errorf("%s has no function %s", l.file, step)
			}
		}
		return
	}
	declared := functions(t, l.file)
	for _, step := range l.steps {
		lines, ok := declared[step]
		if !ok {
			t.Errorf("%s does not declare %s", l.file, step)
			continue
		}
		if lines[0] > 0 && !slices.ContainsFunc(ran[l.file], func(line int) bool { return lines[0] <= line && line <= lines[1] }) {
			t.Errorf("%s: a publish does not run through %s", l.file, step)
		}
	}
}

// functions returns the first and last line of each function of a file, by a name
// such as Conn.Send; of a method of an interface, zeros.
func functions(t *testing.T, file string) map[string][2]int {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][2]int)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			name := n.Name.Name
			if n.Recv != nil {
				of := n.Recv.List[0].Type
				if star, ok := of.(*ast.StarExpr); ok {
					of = star.X
				}
				name = fmt.Sprint(of) + "." + name
			}
			found[name] = [2]int{set.Position(n.Pos()).Line, set.Position(n.End()).Line}
		case *ast.TypeSpec:
			if i, ok := n.Type.(*ast.InterfaceType); ok {
				for _, m := range i.Methods.List {
					for _, name := range m.Names {
						found[n.Name.Name+"."+name.Name] = [2]int{}
					}
				}
			}
		}
		return true
	})
	return found
}

// block is what a coverage profile says of a piece of code.
var block = regexp.MustCompile(`^` + module + `/(\S+):(\d+)\.\d+,\d+\.\d+ \d+ (\d+)$`)

// published publishes a message several times and returns the lines at which code
// begins that ran each time, by file.
func published(t *testing.T, redisAddr ...string) map[string][]int {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program with coverage")
	}
	const program = module + "/internal/doctest/testdata/way"
	covered := []string{program, module}
	for _, p := range []string{"internal/wire", "internal/permission", "internal/socket", "internal/pattern", "internal/protocol", "internal/recent", "internal/table", "store", "store_memory", "store_redis"} {
		covered = append(covered, module+"/"+p)
	}
	folder := t.TempDir()
	binary := filepath.Join(folder, "way")
	run(t, "", "go", "build", "-cover", "-covermode=atomic", "-coverpkg="+strings.Join(covered, ","), "-o", binary, "./internal/doctest/testdata/way")
	run(t, folder, binary, append([]string{folder}, redisAddr...)...)
	runs, err := filepath.Glob(filepath.Join(folder, "[0-9]"))
	if err != nil || len(runs) < 2 {
		t.Fatal(err, runs)
	}
	type position struct {
		file string
		line int
	}
	times := make(map[position]int)
	for _, data := range runs {
		profile := data + ".txt"
		run(t, "", "go", "tool", "covdata", "textfmt", "-i", data, "-o", profile)
		text, err := os.ReadFile(profile)
		if err != nil {
			t.Fatal(err)
		}
		once := make(map[position]bool)
		for line := range strings.Lines(string(text)) {
			m := block.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || m[3] == "0" || strings.HasPrefix(m[1], "internal/doctest/") {
				continue
			}
			n, _ := strconv.Atoi(m[2])
			once[position{m[1], n}] = true
		}
		for p := range once {
			times[p]++
		}
	}
	ran := make(map[string][]int)
	for p, n := range times {
		if n == len(runs) {
			ran[p.file] = append(ran[p.file], p.line)
		}
	}
	return ran
}

// run runs a program in the module's folder. Its coverage at the end goes to a
// folder of its own.
func run(t *testing.T, folder, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	if folder != "" {
		cmd.Env = append(os.Environ(), "GOCOVERDIR="+t.TempDir())
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
