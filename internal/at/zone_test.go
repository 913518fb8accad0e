package at

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var errNoFile = errors.New("no such file")

func TestZoneNames(t *testing.T) {
	tests := []struct {
		why, name string
		want      error
	}{
		{"of the host", "Local", ErrZone},
		{"of the host, where case is ignored", "LOCAL", ErrZone},
		{"the file of the host", "localtime", ErrZone},
		{"a file beside the zones", "posixrules", ErrZone},
		{"another", "zone.tab", ErrZone},
		{"another, with a name like a zone's", "leapseconds", ErrZone},
		{"with leap seconds", "right/Europe/Berlin", ErrZone},
		{"a copy", "posix/Europe/Berlin", ErrZone},
		{"a directory", "America", ErrZone},
		{"a path from the root", "/etc/localtime", ErrZone},
		{"a path upwards", "../../etc/localtime", ErrZone},
		{"a path upwards, later", "Europe/../../localtime", ErrZone},
		{"a path that stays", "Europe/./Berlin", ErrZone},
		{"an empty part", "Europe//Berlin", ErrZone},
		{"ends with a slash", "Europe/Berlin/", ErrZone},
		{"a Windows path", `Europe\Berlin`, ErrZone},
		{"a drive", "C:Berlin", ErrZone},
		{"a zero byte", "Europe/Berlin\x00", ErrZone},
		{"white space", " Europe/Berlin", ErrZone},
		{"an offset", "+02:00", ErrZone},
		{"a number", "2", ErrZone},
		{"not a name", "Atlantis/Poseidonis", ErrZone},
		{"far too long", strings.Repeat("A", 1<<20), ErrZone},
		{"an abbreviation that is a name", "EST", nil},
		{"a rule that is a name", "EST5EDT", nil},
		{"an alias", "Asia/Calcutta", nil},
		{"a name with an underscore", "America/New_York", nil},
		{"a name with a hyphen", "America/Port-au-Prince", nil},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			c := cache{load: time.LoadLocation}
			loc, err := c.get(tt.name)
			if !errors.Is(err, tt.want) {
				t.Fatalf("get(%.50q) = %v, %v, want error %v", tt.name, loc, err, tt.want)
			}
		})
	}
}

func TestZonesAreReadOnce(t *testing.T) {
	loads := 0
	c := cache{load: func(name string) (*time.Location, error) {
		loads++
		return time.FixedZone(name, 0), nil
	}}
	for range 3 {
		if loc, err := c.get("Europe/Berlin"); err != nil || loc.String() != "Europe/Berlin" {
			t.Fatal(loc, err)
		}
	}
	if loads != 1 {
		t.Errorf("read %d times, want once", loads)
	}
	if _, err := c.get("UTC"); err != nil || loads != 1 {
		t.Errorf("UTC was read: error %v, %d loads", err, loads)
	}
}

func TestZonesRememberedAreBounded(t *testing.T) {
	c := cache{load: func(name string) (*time.Location, error) { return time.FixedZone(name, 0), nil }}
	for i := range 2 * maxZones {
		name := "A" + strconv.Itoa(i)
		if loc, err := c.get(name); err != nil || loc.String() != name {
			t.Fatal(loc, err)
		}
	}
	if len(c.known) != maxZones {
		t.Errorf("remembers %d zones, want %d", len(c.known), maxZones)
	}
}

func TestUnknownZonesAreNotRemembered(t *testing.T) {
	c := cache{load: func(name string) (*time.Location, error) {
		if name == "Etc/UTC" {
			return time.UTC, nil
		}
		return nil, errNoFile
	}}
	for i := range 10 {
		if _, err := c.get("A" + strconv.Itoa(i)); !errors.Is(err, ErrZone) {
			t.Fatal(err)
		}
	}
	if len(c.known) != 0 {
		t.Errorf("remembers %v", c.known)
	}
}

func TestHostWithoutZones(t *testing.T) {
	c := cache{load: func(string) (*time.Location, error) { return nil, errNoFile }}
	if _, err := c.get("Europe/Berlin"); !errors.Is(err, ErrNoZones) {
		t.Errorf("error %v, want %v", err, ErrNoZones)
	}
	if loc, err := c.get(""); err != nil || loc != time.UTC {
		t.Errorf("UTC needs no database, but got %v, %v", loc, err)
	}
}

func TestZonesConcurrently(t *testing.T) {
	c := cache{load: time.LoadLocation}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, name := range []string{"Europe/Berlin", "Asia/Tokyo", "America/New_York"} {
				if loc, err := c.get(name); err != nil || loc.String() != name {
					t.Errorf("get(%q) = %v, %v", name, loc, err)
				}
			}
		})
	}
	wg.Wait()
}
