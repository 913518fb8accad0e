package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestCompileRefuses(t *testing.T) {
	for _, test := range []struct{ key, want, why string }{
		{"#regex:(", `key "#regex:(": error parsing regexp`, "does not compile"},
		{"#regex:(?<!a)b", "error parsing regexp", "Go has no look-behind"},
		{"#regex:\xff", "error parsing regexp", "not UTF-8"},
		{"#regex:" + strings.Repeat("a", maxRegexLength+1), "longer than 1024 bytes", "too long"},
		{"#regex:" + strings.Repeat("a{1000}", 100), "too large", "short, but a huge program"},
		{"#regex:((a{10}){10}){10}((a{10}){10}){10}((a{10}){10}){10}", "too large", "repeats within repeats"},
		{"#regex:^\\pL{900}", "too large", "a long class in every copy"},
		{"#regex:(?i)[" + strings.Repeat("A-\U0001e000", 100) + "]", "too large", "slow to parse, though small in the end"},
		{"#regex:[" + strings.Repeat(`\pL`, 300) + "]", "too large", "slow to parse, though small in the end"},
	} {
		_, err := NewSet(NewCompiler().Token(), map[string]int{test.key: 1})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("key %.40q (%s): error %v, want one with %q", test.key, test.why, err, test.want)
		}
	}
}

func TestCompileErrorIsTheSameEachTime(t *testing.T) {
	keys := map[string]int{}
	for i := range 10 {
		keys[fmt.Sprintf("#regex:(%d", i)] = i
	}
	for range 10 {
		if _, err := NewSet(NewCompiler().Token(), keys); err == nil || !strings.Contains(err.Error(), `key "#regex:(0"`) {
			t.Fatalf("error %v, want that of the first key", err)
		}
	}
}

func TestCompileAcceptsUsualExpressions(t *testing.T) {
	keys := map[string]int{}
	for i := range 30 {
		keys[fmt.Sprintf(`#regex:(?i)^tenant-%d\.(room|lobby|user)\.[a-z0-9_-]+$`, i)] = i
	}
	keys[`#regex:^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`] = 1
	keys[`#regex:^\pL+$`] = 1
	if _, err := NewSet(NewCompiler().Token(), keys); err != nil {
		t.Errorf("thirty-two usual expressions in one token: %v", err)
	}
}

func TestBudgetIsThatOfAToken(t *testing.T) {
	const expr = "#regex:[a-z]{450}" // costs two fifths of the budget
	c := NewCompiler()
	first := c.Token()
	for _, test := range []struct {
		name  string
		token *Token
		want  error
	}{
		{"the first fits", first, nil},
		{"a remembered one costs the same", first, nil},
		{"and is too much in the end", first, errBudget},
		{"another token has its own budget", c.Token(), nil},
	} {
		if _, err := NewSet(test.token, map[string]int{expr: 1}); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
}

func TestCompilerRemembers(t *testing.T) {
	c := NewCompiler()
	compile := func(expr string) *regexp.Regexp {
		r, err := c.Token().regexp(expr)
		if err != nil {
			t.Fatal(err)
		}
		return r.regexp
	}
	first := compile("^a+$")
	if compile("^a+$") != first {
		t.Error("compiled the same expression twice in a row")
	}
	for i := range 2 * cacheSize / (costInstruction * 500) {
		compile(fmt.Sprintf("b{500}%d", i))
	}
	if compile("^a+$") == first {
		t.Error("an expression that nobody used is still there after a cacheful of others, twice")
	}
}

func TestCompilerIsSafeForConcurrentUse(t *testing.T) {
	c := NewCompiler()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				expr := fmt.Sprintf("^x%d$", (i+g)%50)
				re, err := c.Token().regexp(expr)
				if err != nil || re.regexp.String() != expr {
					t.Errorf("%s: %v, %v", expr, re, err)
				}
			}
		})
	}
	wg.Wait()
}

// manyQuestions has branches that all lead to different characters.
func manyQuestions(n int) string {
	expr := "^"
	for i := range n {
		expr += string(rune(0x4e00+2*i)) + "?"
	}
	return expr
}

// The estimate is worth something only if it is never too low.
func TestCostCoversMemory(t *testing.T) {
	for _, expr := range []string{
		"a", "^a$", "^(a|b|c)+$", `^\pL{300}`, `\pL{300}`, `(\pL\PL){200}`, "a{1000}", "^(a{30}){30}$",
		"(a|b|)*(a|b|)*", `(?i)^[a-z]{500}$`, "((((((((((a))))))))))", strings.Repeat("x?", 500),
		`^(?:[\pL\pN]+\.)*$`, "^" + strings.Repeat("(?:ab|cd)", 100) + "$", `^0?1?2?3?4?5?6?7?8?9?\p{Lu}`,
		`^(\p{Lu}a|\p{Ll}b|\p{Lt}c|\p{Lm}d|\p{Nd}e)*$`, manyQuestions(200), "^(?:((((((a)?)?)?)?)?)?)?$",
	} {
		const n = 20
		var before, after runtime.MemStats
		kept := make([]*regexp.Regexp, n)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range kept {
			kept[i] = regexp.MustCompile(expr)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(kept)

		parsed, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		used := (int(after.HeapAlloc) - int(before.HeapAlloc)) / n
		cost := parseCost(expr) + compiledSize(parsed)
		t.Logf("%-40.40q occupies %7d bytes, the estimate is %7d", expr, used, cost)
		if used > cost {
			t.Errorf("%.40q occupies %d bytes, the estimate is %d", expr, used, cost)
		}
	}
}

func FuzzProgramSize(f *testing.F) {
	for _, expr := range []string{
		"", "abc", "a{3,7}", "(a{2}|b){0,3}", "(?:){1000}", "(a*)*", "(?:a?){5}", "[^a]", "x**", "(|a)+?", "a{0}", "(?i)k{2}",
	} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if len(expr) > 64 || parseCost(expr) > budget {
			return
		}
		parsed, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			return
		}
		bound := program{literals: make(map[rune]bool)}
		bound.add(parsed, 1)
		if bound.instructions > 100_000 {
			return
		}
		prog, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			return
		}
		var runes, branches int
		for _, inst := range prog.Inst {
			switch inst.Op {
			case syntax.InstRune:
				runes += len(inst.Rune)
			case syntax.InstAlt:
				branches++
			}
		}
		// Literals that ignore case are runes too, and not counted as such.
		if most := bound.instructions + bound.runes; len(prog.Inst) > bound.instructions+2 || runes > most || branches > bound.branches {
			t.Errorf("%q has %d instructions, %d branches and %d runes, the bounds are %d, %d and %d",
				expr, len(prog.Inst), branches, runes, bound.instructions+2, bound.branches, most)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	c := NewCompiler()
	keys := map[string]int{"room.1": 1, "room.*": 2, `#regex:^user\.[0-9]+$`: 3}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewSet(c.Token(), keys); err != nil {
			b.Fatal(err)
		}
	}
}
