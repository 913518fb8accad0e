package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed web
var web embed.FS

// A file is a part of the page.
type file struct {
	name string
	text []byte
	etag string
	kind string
}

// loadFiles reads the embedded folder, which cannot fail.
func loadFiles() map[string]file {
	entries, err := web.ReadDir("web")
	if err != nil {
		panic(err)
	}
	files := make(map[string]file, len(entries))
	for _, e := range entries {
		text, err := web.ReadFile(path.Join("web", e.Name()))
		if err != nil {
			panic(err)
		}
		hash := sha256.Sum256(text)
		files[e.Name()] = file{
			name: e.Name(), text: text,
			etag: `"` + hex.EncodeToString(hash[:8]) + `"`,
			kind: contentTypes[path.Ext(e.Name())],
		}
	}
	return files
}

// contentTypes are those of the files: package mime would ask the machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache") // asks again, and gets 304
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.text))
}
