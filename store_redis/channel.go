package storeredis

// channelCall makes a call of a script that changes a channel, as described in
// lua/channel.lua. keys and args are those of the script beyond the common
// ones.
func (n *node) channelCall(sc *script, channel string, ck channelKeys, keys []string, args ...any) call {
	c := call{script: sc, part: ck.part}
	c.keys = append(make([]string, 0, 7+len(keys)),
		ck.state(), ck.log(), ck.order(), ck.bodies(), ck.expiry(), n.s.keys.visits(ck.part), ck.changes())
	c.keys = append(c.keys, keys...)
	c.args = append(n.channelArgs(channel, ck, len(args)), args...)
	return c
}

func (n *node) channelArgs(channel string, ck channelKeys, more int) []any {
	return append(make([]any, 0, 5+more), n.publishCommand, n.window, n.limit, ck.topic(), channel)
}
