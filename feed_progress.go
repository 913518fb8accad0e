package hotsock

import (
	"crypto/sha256"
	"encoding/base64"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/socket"
)

// A feedProgress says up to where a client over a feed has received the channels that
// its token subscribes. The id of each event is what it says after that event: the
// client comes back with the last one, as Last-Event-ID.
type feedProgress struct {
	resumed bool // the client has come back

	mu     sync.Mutex // held while events with ids are queued, so that none says too much
	places []feedPlace
}

// A feedPlace is the position of one channel, zero if it is not known.
type feedPlace struct {
	channel  string
	position ulid.ULID
}

// nameHash is as much of a channel's hash as an id has. The wrong channel's position is
// none that a store knows.
type nameHash [4]byte

func hashName(channel string) nameHash {
	sum := sha256.Sum256([]byte(channel))
	return nameHash(sum[:])
}

const placeSize = len(nameHash{}) + len(ulid.ULID{})

// newFeedProgress begins with what the client has received before, "" for nothing.
// Channels beyond the first maxPlaces are left out.
func newFeedProgress(channels []string, lastEventID string) *feedProgress {
	if len(channels) == 0 {
		return nil
	}
	p := &feedProgress{resumed: lastEventID != "", places: make([]feedPlace, min(len(channels), maxPlaces))}
	known := decodePlaces(lastEventID)
	for i := range p.places {
		p.places[i] = feedPlace{channels[i], known[hashName(channels[i])]}
	}
	return p
}

// decodePlaces returns nothing for what is no id.
func decodePlaces(id string) map[nameHash]ulid.ULID {
	if len(id) > base64.RawURLEncoding.EncodedLen(maxPlaces*placeSize) {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b)%placeSize != 0 {
		return nil
	}
	known := make(map[nameHash]ulid.ULID, len(b)/placeSize)
	for ; len(b) > 0; b = b[placeSize:] {
		known[nameHash(b)] = ulid.ULID(b[len(nameHash{}):placeSize])
	}
	return known
}

// never is the id of no item: who was there before, nobody knows up to where, has missed
// something as far as the server can prove.
var never = ulid.ULID{len(ulid.ULID{}) - 1: 1}

// after is from where a client that has come back catches up with a channel; zero if it
// has not come back.
func (p *feedProgress) after(channel string) ulid.ULID {
	if p == nil || !p.resumed {
		return ulid.ULID{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.place(channel); i >= 0 && !p.places[i].position.IsZero() {
		return p.places[i].position
	}
	return never
}

// place returns -1 for a channel that has none. mu is held.
func (p *feedProgress) place(channel string) int {
	for i := range p.places {
		if p.places[i].channel == channel {
			return i
		}
	}
	return -1
}

// id is what events up to now are known by, "" if that is nothing. mu is held.
func (p *feedProgress) id() string {
	b := make([]byte, 0, maxPlaces*placeSize)
	for i := range p.places {
		if place := &p.places[i]; !place.position.IsZero() {
			hash := hashName(place.channel)
			b = append(append(b, hash[:]...), place.position[:]...)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// send sends the frame of a channel's item.
func (p *feedProgress) send(sock *socket.Conn, channel string, item ulid.ULID, frame socket.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.place(channel); i >= 0 {
		p.places[i].position = item
		frame = frame.WithID(p.id())
	}
	sock.Send(frame)
}

// sendAll sends a snapshot, of which the last frames are of items with these ids, up to a
// position, or nothing.
func (p *feedProgress) sendAll(sock *socket.Conn, channel string, frames []socket.Frame, items []ulid.ULID, position ulid.ULID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.place(channel)
	if i < 0 {
		return sock.SendAll(frames)
	}
	before := p.places[i].position
	for k := len(frames) - max(len(items), 1); k < len(frames); k++ {
		if p.places[i].position = position; k < len(frames)-1 {
			p.places[i].position = items[len(items)-len(frames)+k]
		}
		frames[k] = frames[k].WithID(p.id())
	}
	if !sock.SendAll(frames) {
		p.places[i].position = before
		return false
	}
	return true
}
