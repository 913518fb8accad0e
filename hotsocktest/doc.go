// Package hotsocktest is for the tests of apps that use hotsock: it runs nodes
// with everything around them, and breaks them on request.
//
//	func TestOrderShipped(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			s := hotsocktest.Start(t, hotsocktest.Options{App: newApp})
//			…
//			s.Published.Expect("inbox.jim", "order.shipped", map[string]any{"order": 17})
//		})
//	}
//
// [Start] starts an installation: nodes, the memory store or a miniredis, keys,
// and a network in memory. Everything ends with the test, and no goroutine is
// left.
//
// # The clock
//
// In a bubble of [testing/synctest], as above, the clock is the bubble's:
// [Server.Advance] moves it, and what is due happens, without a real wait:
// messages expire, schedules are carried out, timeouts end connections, nodes
// are declared dead. Waiting for a message costs no time either. The app under
// test must not use a real network there: give it [Server.HTTPClient].
//
// Outside of bubbles, time is real, and other programs, such as a browser, can
// reach the nodes too.
//
// # Faults
//
// [Server.StoreDown] takes the store away. Each node and each client has a
// [Link], which can be cut, taken down, frozen or stalled; [Node.Kill] is a
// crash, and [Node.Stop] and [Node.Start] a deployment.
//
// docs/testing.md is an introduction, and examples/testing an app with its
// tests.
package hotsocktest
