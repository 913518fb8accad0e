package recent_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/recent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCacheHoldsTheBound(t *testing.T) {
	const bound, weight = 100, 5
	c := recent.New[int, int](bound)
	for i := range 1000 {
		c.Add(i, i*2, weight)
	}
	held := 0
	// The newest first: what is got is made young, and pushes out what is old.
	for k := 999; k >= 0; k-- {
		if v, ok := c.Get(k); ok {
			held += weight
			if v != k*2 {
				t.Errorf("Get(%d) = %d", k, v)
			}
		}
	}
	if held > bound || held < bound/2 {
		t.Errorf("holds %d, want between half of the bound %d and all of it", held, bound)
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := recent.New[string, int](20)
	c.Add("used", 1, 1)
	c.Add("unused", 2, 1)
	for i := range 100 {
		c.Add(string(rune('A'+i)), 0, 1)
		if _, ok := c.Get("used"); !ok {
			t.Fatalf("forgot what was used just before, after %d others", i+1)
		}
	}
	if _, ok := c.Get("unused"); ok {
		t.Error("still has what was not used while a hundred others were")
	}
}

func TestCacheRemove(t *testing.T) {
	for name, others := range map[string]int{
		"from the younger generation": 0,
		"from the older generation":   5,
	} {
		t.Run(name, func(t *testing.T) {
			c := recent.New[int, string](10)
			c.Add(1000, "x", 1)
			for i := range others {
				c.Add(i, "", 1)
			}
			c.Remove(1000)
			if _, ok := c.Get(1000); ok {
				t.Error("still there")
			}
			c.Remove(1000) // of what is not there, does nothing
		})
	}
}

func TestCacheRemoveGivesRoomBack(t *testing.T) {
	c := recent.New[int, string](4)
	c.Add(1, "stays", 1)
	for i := range 100 {
		c.Add(2+i, "", 1)
		c.Remove(2 + i)
	}
	if _, ok := c.Get(1); !ok {
		t.Error("what was removed still pushed others out")
	}
}

func TestCacheRefusesWhatIsTooHeavy(t *testing.T) {
	c := recent.New[string, int](10)
	c.Add("a", 1, 5)
	c.Add("huge", 2, 6)
	if _, ok := c.Get("huge"); ok {
		t.Error("holds more than half of its bound in one value")
	}
	if _, ok := c.Get("a"); !ok {
		t.Error("forgot another for a value that it did not take")
	}
}

func TestZeroCacheHoldsNothing(t *testing.T) {
	var c recent.Cache[string, int]
	c.Add("a", 1, 1)
	if _, ok := c.Get("a"); ok {
		t.Error("holds a value without a bound")
	}
}
