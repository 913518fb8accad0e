package storetest

// An area is a part of the contract.
type area struct {
	name  string
	cases []testCase
}

// A testCase is one promise of package store, and the test that it is kept. A test
// must not use t.Run: it may run in a bubble.
type testCase struct {
	promise string
	run     func(*env)
}

// contract is what a store promises. The order is that of docs/writing-a-store.md:
// no area needs methods that only a later one tests.
var contract = []area{
	{"Messages", []testCase{
		{"a message reaches every node that watches its channel", testDelivered},
		{"a message is delivered as it was published", testDeliveredAsPublished},
		{"nothing is delivered before Watch or after Unwatch", testWatchUnwatch},
		{"the id of a later publish is greater, whichever nodes publish", testRealTimeOrder},
	}},
	{"History", []testCase{
		{"a message with a retention is in the history until it expires", testMessageExpires},
		{"a single message is found between its neighbors", testMessage},
		{"a page has what its bounds say, in either direction", testHistoryPages},
		{"a page ends where its bytes do", testHistoryBytes},
		{"a page that reads exactly what there is says that there is no more", testHistoryMore},
		{"a channel that does not exist has an empty history", testHistoryOfNothing},
		{"paging while others publish misses nothing and repeats nothing", testHistoryWhilePublishing},
		{"what expires between two pages leaves no gap in them", testHistoryWhileExpiring},
		{"delivery and history have one order on all nodes", testOneOrder},
		{"a duplicate gets the id of the first message and publishes nothing", testDedup},
		{"a deduplication id can be used again after its time", testDedupExpires},
	}},
	{"Subscriptions", []testCase{
		{"a channel counts the subscriptions that are counted", testSubscriptions},
		{"subscribing again replaces the record", testSubscribeAgain},
		{"an update without presence changes the metadata and announces nothing", testUpdatePlain},
		{"what is not subscribed is not found", testSubscriptionNotFound},
		{"no two calls see the same count", testSubscriptionCount},
	}},
	{"Presence", []testCase{
		{"a user is one member from the first connection to the last", testPresenceChanges},
		{"subscribing again announces only what it changes", testPresenceSubscribeAgain},
		{"a connection that becomes another user leaves as the one it was", testPresenceAnotherUser},
		{"the sizes of the members do not exceed their bound", testPresenceCapacity},
		{"the store does not measure members itself", testMemberSizes},
		{"members are listed only where they are wanted", testMemberLists},
		{"a snapshot and the items after its position give every node the same members", testPresenceConverges},
	}},
	{"Storage", []testCase{
		{"an entry is what was written last, until it is cleared", testSet},
		{"writing an equal value announces nothing", testSetEqual},
		{"keys come in byte order, from the prefix and the bound that were asked for", testKeys},
		{"many keys are read page by page", testManyKeys},
		{"entries come in the order of their keys, up to a bound in bytes", testEntries},
		{"a read sees every write that has returned", testLinearizable},
		{"of writers of the same value, one changes it", testEqualWrites},
		{"a snapshot and the items after it give what is stored", testObserve},
		{"an entry is gone when its retention is over", testEntryExpires},
		{"an expiry is reported to one node, once, if Emit asks for it", testEntryExpired},
		{"an entry that was cleared, replaced or renewed does not expire", testEntryNotExpired},
	}},
	{"Replay", []testCase{
		{"a position is the newest item of any kind, or an id below the first one", testPosition},
		{"a replay has what follows an item, up to another", testReplayRanges},
		{"a replay has messages with and without retention, as delivered", testReplayMixed},
		{"a page of a replay ends where its bytes do", testReplayBytes},
		{"a replay can start after an item of any kind", testReplayAfterAnyItem},
		{"a replay can start at the position on an empty channel", testReplayEmpty},
		{"a client that was subscribed for long can come back for a replay window", testReplayLongSubscription},
		{"a replay is refused once the limit has discarded a message of it", testReplayLimit},
		{"a replay is refused once the window of a message of it is over", testReplayWindow},
		{"every message has a replay window of its own", testReplayWindows},
		{"a retention shorter than the window does not shorten it", testReplayShortKeep},
		{"a message with a longer retention can be replayed for as long", testReplayKept},
		{"a page is refused if a message was discarded since the page before", testReplayLosesTheRest},
		{"a replay and live delivery join without a gap", testReplayWhilePublishing},
	}},
	{"Reactions", []testCase{
		{"a reaction is added once, and removed once", testReact},
		{"only messages that are in the history have reactions", testReactNotFound},
		{"reactions come in the order in which they were added", testReactionsInOrder},
		{"reactions expire with their message", testReactionsExpire},
		{"a notice is a message like any other", testReactionNotice},
		{"of equal reactions at the same time, one is added", testReactRace},
		{"different users and reactions are never taken for each other", testReactionsApart},
		{"no reaction exceeds a bound of its request", testReactionsBound},
		{"bounds hold for reactions at the same time", testReactionBoundsRace},
		{"a tally counts what is there", testTallies},
		{"a tally has the first reactions and those of a user", testTallyReactions},
		{"tallies end where their bytes do", testTallyBytes},
		{"reactions are read page by page", testReactionPages},
	}},
	{"Nodes", []testCase{
		{"every node has an id of its own", testNodeIDs},
		{"a node is ready", testReady},
		{"removing a connection that is not there is no error", testRemoveConnection},
		{"one call is the first with a token", testUseToken},
		{"a token stays used until the time of its first use", testTokenStaysUsed},
		{"leaving ends all that a node has, and silences it", testLeave},
		{"the others end what a node had no time to end", testLeaveEndedContext},
		{"nothing stays of calls that a node makes while it leaves", testLeaveInUse},
		{"peers are the nodes that are alive", testPeers},
		{"a call brings back the answer of the node", testCall},
		{"a slow call does not hold up others", testConcurrentCalls},
		{"a call of nobody has no peer", testCallNoPeer},
		{"an answer that is an error makes the call unavailable", testCallFails},
		{"a call without an answer ends with its context", testCallTimeout},
		{"a node may use the store while it answers", testCallBack},
		{"the end of all that a dead node had is announced, and reported once", testDeath},
		{"nodes that die together are removed once each", testDeaths},
		{"a node that joins after all others have died removes them", testDeathOfAll},
	}},
	{"Schedules", []testCase{
		{"a store has one scheduler", testSchedulerIsTheSame},
		{"a message is published when it is due", testFirePublish},
		{"an entry is written when it is due", testFireSet},
		{"a retention counts from when a schedule takes effect", testFireKeep},
		{"a message is deduplicated when it takes effect", testFireDuplicate},
		{"what is due already fires at once", testFireNow},
		{"what was overdue when a node started fires", testFireOverdue},
		{"adding a schedule again does nothing", testAddTwice},
		{"a channel has no more schedules than the bound", testAddBound},
		{"an owner has no more schedules than the bound", testOwnerBound},
		{"a canceled schedule does not fire", testCancel},
		{"a schedule that was moved fires at its new time", testMove},
		{"schedules are listed in the order in which they are due", testListSchedules},
		{"what is not pending is not found", testScheduleNotFound},
		{"a scheduler that was stopped fires nothing", testSchedulerStop},
		{"many nodes fire each schedule once", testFireOnce},
		{"what fires is in one order with what is published", testFireInOrder},
		{"overdue schedules of a channel take effect in the order in which they were due", testFireInTurn},
		{"a cancellation prevents a schedule, or is told that it has fired", testCancelOrFire},
		{"a move delays a schedule, or is told that it has fired", testMoveOrFire},
		{"the others fire what a dead node has not", testFireAfterDeath},
	}},
	{"Calls", []testCase{
		{"a call whose context has ended fails and changes nothing", testEndedContext},
		{"a call whose deadline has passed fails, or is carried out", testPassedDeadline},
		{"items of all kinds have one order on all nodes", testOneOrderOfAllKinds},
		{"any channel name works, and is kept apart from others", testOddChannelNames},
	}},
}
