package storeredis

// commonKeys are those of every script that changes a channel, as described in
// lua/channel.lua.
func (k *keyspace) commonKeys(ck channelKeys) []any {
	return []any{ck.state(), ck.log(), ck.order(), ck.bodies(), ck.expiry(), k.dueChannels(ck.part), ck.changes()}
}

// channelCall makes a call of such a script. keys and args are those of the
// script beyond the common ones.
func (n *node) channelCall(sc *script, channel string, ck channelKeys, keys []any, args ...any) call {
	return call{
		script: sc, part: ck.part,
		keys: append(n.s.keys.commonKeys(ck), keys...),
		args: n.channelArgs(ck.topic(), channel, args...),
	}
}

func (n *node) channelArgs(topic, channel any, args ...any) []any {
	common := append(make([]any, 0, 5+len(args)), n.publishCommand, n.window, n.limit, topic, channel)
	return append(common, args...)
}
