// Package client is a client for the Hotsock protocol in Go: for bots,
// services, command line programs and tests.
//
//	c, err := client.New(client.Options{
//		URL:   "https://app.example.com/rt",
//		Token: fetchToken, // func(context.Context) (string, error)
//	})
//	…
//	defer c.Close()
//
// The client connects in the background, and connects again whenever the
// connection breaks, with a new token and after a random delay that grows with
// each failure. Calls wait meanwhile, as long as their context lets them.
//
// A [Subscription] is a channel that the client follows until it is left. It
// catches up after a reconnect, so that the program gets every message once and
// in order, or is told of a [Gap]:
//
//	sub, err := c.Subscribe(ctx, "room.7", nil)
//	…
//	for {
//		event, err := sub.Next(ctx)
//		if err != nil {
//			return err
//		}
//		switch e := event.(type) {
//		case client.Message:
//			fmt.Println(e.From.UID, e.Event, string(e.Data))
//		case client.Gap:
//			// read sub.History
//		}
//	}
//
// The same loop gets reactions, the members who come and go on presence
// channels ([Subscription.Members] is the list), and the channel's storage: what
// is there, and then its changes. A program that is slower than the channel
// loses nothing either: see [Subscription].
//
// [Client.Publish], [Client.SetStorage] and [Subscription.React] return when the
// server has accepted the command. An [*Error] says why it has not, and
// [ErrUnknownOutcome] that the client cannot know.
//
// [Subscription.History] iterates over stored messages; [Client.PublishAt]
// schedules a message, and [Client.CancelSchedule] cancels it.
//
// The guide docs/client-go.md says what is guaranteed when connections break. The
// package links nothing of the server.
package client
