package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	// memberEvery is which clients are members of presence channels, and
	// membersOfEach how many of them there are in one.
	memberEvery   = 10
	membersOfEach = 100
	// leavesEvery is which of the members do not come back when their server dies.
	leavesEvery = 5
)

// presenceOf returns the presence channel that a client is a member of, "" if none.
func presenceOf(id int) string {
	if id%memberEvery != 0 {
		return ""
	}
	return "presence." + strconv.Itoa(id/memberEvery/membersOfEach)
}

// leaves reports whether a client does not come back.
func leaves(id int) bool { return id%(memberEvery*leavesEvery) == 0 }

func uidOf(id int) string { return "u" + strconv.Itoa(id) }

// wrongMembers asks the first server who is in the presence channels, and returns how
// many are missing, or are there and have left.
func (c *crowd) wrongMembers(left map[int]bool) (wrong int) {
	expected := make(map[string]map[string]bool)
	for id := 0; id < c.cfg.conns; id += memberEvery {
		channel := presenceOf(id)
		if expected[channel] == nil {
			expected[channel] = make(map[string]bool)
		}
		if !left[id] {
			expected[channel][uidOf(id)] = true
		}
	}
	for channel, uids := range expected {
		there, err := c.members(channel)
		if err != nil {
			warnf("%s: %v", channel, err)
			wrong += len(uids)
			continue
		}
		for _, uid := range there {
			if !uids[uid] {
				wrong++
			}
			delete(uids, uid)
		}
		wrong += len(uids)
	}
	return wrong
}

func (c *crowd) members(channel string) (uids []string, err error) {
	base := strings.TrimSuffix(c.cfg.publishURLs[0], "publish")
	r, err := http.NewRequest(http.MethodGet, base+"channels/"+channel, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range c.cfg.publishHeaders {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", resp.Status)
	}
	var answer struct {
		Members []struct {
			UID string `json:"uid"`
		} `json:"members"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	for _, m := range answer.Members {
		uids = append(uids, m.UID)
	}
	return uids, nil
}
