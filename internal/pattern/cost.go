package pattern

import (
	"regexp/syntax"
	"unicode/utf8"
)

// Bytes of memory, roughly, and never too few. Time follows them closely.
const (
	costRegex       = 2 << 10 // a compiled expression of no size
	costByte        = 32      // each byte of its text
	costInstruction = 96      // each instruction of its program
	costRune        = 8       // each bound of a character class, in each copy

	// A program that is not too long may be turned into one that never has a
	// choice. Its branches then hold the characters that lead either way, which
	// are different ones.
	costMerged = 8
	maxOnePass = 1000 // instructions

	// Two things are slow to parse, though their result may be small.
	costClass = 4 << 10 // \pL: a long list, to be merged with others
	costRange = 8 << 10 // A-\x{1e000}: walked over if case is to be ignored
)

// parseCost estimates what it takes to parse an expression.
func parseCost(expr string) int {
	cost := costRegex + len(expr)*costByte
	for i := 1; i < len(expr); i++ {
		before, c := expr[i-1], expr[i]
		switch {
		case before == '\\' && (c == 'p' || c == 'P'):
			cost += costClass
		case before == '-' && (c == '\\' || c >= utf8.RuneSelf):
			cost += costRange
		}
	}
	return cost
}

// A program is what an expression is compiled to, by bounds.
type program struct {
	instructions int
	branches     int           // instructions that are followed by two
	runes        int           // bounds of character classes, in every copy
	distinct     int           // the same, once for each class of the expression
	literals     map[rune]bool // characters that stand for themselves
}

// compiledSize estimates the memory of a compiled expression.
func compiledSize(re *syntax.Regexp) int {
	p := program{literals: make(map[rune]bool)}
	p.add(re, 1)
	size := costInstruction*p.instructions + costRune*p.runes
	if p.instructions < maxOnePass {
		size += costMerged * p.branches * (p.distinct + 2*len(p.literals))
	}
	return size
}

// add adds so many copies of an expression. What is repeated is compiled as
// often as it may occur: so a short expression can be a huge program. The
// parser takes care that no number here gets near to overflowing.
func (p *program) add(re *syntax.Regexp, copies int) {
	switch re.Op {
	case syntax.OpLiteral:
		p.instructions += copies * len(re.Rune)
		for _, r := range re.Rune {
			p.literals[r] = true
		}
	case syntax.OpCharClass:
		p.runes += copies * len(re.Rune)
		p.distinct += len(re.Rune)
	case syntax.OpAlternate:
		p.instructions += copies * len(re.Sub)
		p.branches += copies * len(re.Sub)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		p.branches += 2 * copies
	case syntax.OpRepeat:
		copies *= max(re.Min, re.Max, 1)
		p.branches += copies + 1
	}
	// Two for what every operation may need: captures have two, and a star of
	// what may be empty is a plus in a question mark.
	p.instructions += 2 * copies
	for _, sub := range re.Sub {
		p.add(sub, copies)
	}
}
