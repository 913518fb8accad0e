package js

import (
	"embed"
	"strings"
)

// modules are the sources of client.js, each behind those that it imports.
var modules = []string{
	"error.js", "frame.js", "option.js", "patience.js", "emitter.js", "choice.js", "socket.js", "jobs.js", "connection.js", "stream.js",
	"channel.js", "members.js", "delivery.js", "subscriptions.js", "client.js",
}

//go:embed error.js frame.js option.js patience.js emitter.js choice.js socket.js jobs.js connection.js stream.js
//go:embed channel.js members.js delivery.js subscriptions.js client.js
var sources embed.FS

// ending is what client.js exports, and where it was served, for pages that do not say it.
// The npm package has the sources alone, because bundlers take import.meta for a reference
// to a file.
const ending = `export { Client, HotsockError, HotsockSocket, timeOf };
here = new URL(".", import.meta.url);
`

// join makes one module of all, because the address of client.js has no version: a page
// could get some modules from a node of another release. A line is code or a comment.
func join() string {
	var b strings.Builder
	for _, name := range modules {
		text, err := sources.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		for line := range strings.Lines(string(text)) {
			code := strings.TrimSpace(line)
			if code == "" || strings.HasPrefix(code, "//") || strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "export {") {
				continue
			}
			b.WriteString(strings.TrimPrefix(line, "export "))
		}
	}
	b.WriteString(ending)
	return b.String()
}
