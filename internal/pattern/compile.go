package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/hotsock-go/hotsock/internal/recent"
)

const (
	// maxRegexLength is in bytes.
	maxRegexLength = 1 << 10
	// budget is what the regular expressions of one token may cost. A usual one
	// costs 3 KiB to 10 KiB.
	budget = 512 << 10
	// cacheSize bounds the cost of the regular expressions that are remembered.
	cacheSize = 8 << 20
)

// A Compiler compiles the keys of tokens. It remembers regular expressions,
// which tend to be the same in many tokens. It is safe for concurrent use.
type Compiler struct {
	mu    sync.Mutex
	cache recent.Cache[string, compiled]
}

type compiled struct {
	regexp *regexp.Regexp
	prefix string
	cost   int
}

// NewCompiler returns a compiler that has nothing in its cache yet.
func NewCompiler() *Compiler {
	return &Compiler{cache: recent.New[string, compiled](cacheSize)}
}

// Token begins to compile the keys of one token. Their regular expressions
// together may cost no more than a budget, since what a kilobyte of them can
// cost otherwise has no sensible bound.
func (c *Compiler) Token() *Token { return &Token{compiler: c, left: budget} }

// A Token compiles the keys of one token. It is not safe for concurrent use.
type Token struct {
	compiler *Compiler
	left     int
}

func (t *Token) compile(key string) (matcher, error) {
	expr, ok := strings.CutPrefix(key, regexPrefix)
	switch {
	case ok:
		c, err := t.regexp(expr)
		return matcher{key: key, kind: regex, regexp: c.regexp, prefix: c.prefix}, err
	case IsPattern(key):
		return wildcards(key), nil
	default:
		return matcher{key: key}, nil
	}
}

func (t *Token) regexp(expr string) (compiled, error) {
	if len(expr) > maxRegexLength {
		return compiled{}, fmt.Errorf("regular expression is longer than %d bytes", maxRegexLength)
	}
	if c, ok := t.compiler.get(expr); ok {
		return c, t.spend(c.cost)
	}
	cost := parseCost(expr)
	if err := t.spend(cost); err != nil {
		return compiled{}, err
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return compiled{}, err
	}
	size := compiledSize(parsed)
	if err := t.spend(size); err != nil {
		return compiled{}, err
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return compiled{}, err
	}
	c := compiled{re, regexpPrefix(parsed), cost + size}
	t.compiler.add(expr, c)
	return c, nil
}

var errBudget = errors.New("regular expressions are too large")

func (t *Token) spend(cost int) error {
	if cost > t.left {
		return errBudget
	}
	t.left -= cost
	return nil
}

func (c *Compiler) get(expr string) (compiled, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cache.Get(expr)
}

func (c *Compiler) add(expr string, v compiled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.cache.Get(expr); !ok {
		c.cache.Add(expr, v, v.cost)
	}
}
