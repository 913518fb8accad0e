package browsertest

import (
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestClientEdits updates and deletes messages; another client is told, and one that was
// away catches up with what it is now.
func TestClientEdits(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	const claims = `{"uid":"Jim","channels":{"room":{"subscribe":true,"historyStart":0,
		"messages":{"*":{"publish":true,"store":60,"update":"own","delete":"own","echo":true}}}}}`
	p := b.openClient("Jim", s.url, claims)
	got := run[string](p, `
		const room = client.channel("room");
		await room.subscribe();
		const told = [];
		room.on("updated", ({ messageId, data, version, meta }) => told.push(["updated", messageId === first.id, data, version, meta.uid]));
		room.on("deleted", ({ messageId, meta }) => told.push(["deleted", messageId === second.id, meta.uid]));
		const start = await room.publish("chat", 0);
		const first = await room.publish("chat", 1);
		const second = await room.publish("chat", 2);
		const versions = [await room.updateMessage(first.id, { n: 1 }), await room.updateMessage(first.id, undefined, 2)];
		const conflict = await codeOf(room.updateMessage(first.id, 3, 2));
		await room.deleteMessage(second.id);
		const gone = await codeOf(room.deleteMessage(second.id));
		await until(() => told.length === 3);
		const { messages } = await room.listMessages();
		const listed = messages.map(({ id, data, version, updatedAt }) => [id === first.id, data, version, typeof updatedAt]);
		room.unsubscribe();
		const missed = [];
		room.on("message", ({ data, version }) => missed.push([data, version]));
		await room.subscribe({ after: start.id });
		await until(() => told.length === 5);
		return JSON.stringify([versions, conflict, gone, told, listed, missed]);
	`)
	want(t, "edits", got, `[[{"version":2},{"version":3}], "CONFLICT", "MESSAGE_NOT_FOUND",
		[["updated",true,{"n":1},2,"Jim"], ["updated",true,null,3,"Jim"], ["deleted",true,"Jim"],
		 ["updated",true,null,3,"Jim"], ["deleted",true,"Jim"]],
		[[false,0,null,"undefined"], [true,null,3,"string"]], [[null,3]]]`)
}
