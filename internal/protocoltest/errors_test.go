package protocoltest

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// statuses is the table of docs/protocol.md#16-errors-limits-close-codes, with the codes that it leaves to other
// sections.
var statuses = map[string]int{
	"INVALID_JSON":                      400,
	"INVALID_REQUEST":                   400,
	"UNKNOWN_EVENT":                     400,
	"INVALID_SCHEDULE_EXPRESSION":       400,
	"UNAUTHORIZED":                      401,
	"INVALID_SUBSCRIBE_TOKEN":           401,
	"INVALID_UMD_TOKEN":                 401,
	"SUBSCRIBE_PERMISSION_DENIED":       403,
	"PUBLISH_PERMISSION_DENIED":         403,
	"SCHEDULE_PERMISSION_DENIED":        403,
	"STORAGE_PERMISSION_DENIED":         403,
	"INFO_PERMISSION_DENIED":            403,
	"REACTION_PERMISSION_DENIED":        403,
	"CALL_PERMISSION_DENIED":            403,
	"UPDATE_PERMISSION_DENIED":          403,
	"DELETE_PERMISSION_DENIED":          403,
	"STOP_PERMISSION_DENIED":            403,
	"INVALID_PARAMS":                    400,
	"UNKNOWN_METHOD":                    404,
	"UMD_UPDATE_PERMISSION_DENIED":      403,
	"HISTORY_PERMISSION_DENIED":         403,
	"ORIGIN_DENIED":                     403,
	"NOT_SUBSCRIBED":                    403,
	"ALREADY_SUBSCRIBED":                409,
	"PRESENCE_CHANNEL_USER_ID_REQUIRED": 403,
	"PRESENCE_CHANNEL_CAPACITY_REACHED": 409,
	"CONFLICT":                          409,
	"MESSAGE_NOT_FOUND":                 404,
	"PAYLOAD_TOO_LARGE":                 413,
	"RATE_LIMITED":                      429,
	"UNAVAILABLE":                       503,
	"INTERNAL":                          500,
	// Routes and schedules.
	"NOT_FOUND":          404,
	"METHOD_NOT_ALLOWED": 405,
	"SCHEDULE_NOT_FOUND": 404,
}

// statusNames are those of net/http that the library uses.
var statusNames = map[string]int{
	"StatusBadRequest": 400, "StatusUnauthorized": 401, "StatusForbidden": 403, "StatusNotFound": 404,
	"StatusMethodNotAllowed": 405, "StatusConflict": 409, "StatusRequestEntityTooLarge": 413,
	"StatusTooManyRequests": 429, "StatusInternalServerError": 500, "StatusServiceUnavailable": 503,
}

// The library's own table of errors is that of the protocol: no code is
// missing, none is too much, each has its status and a text.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	f, err := parser.ParseFile(gotoken.NewFileSet(), "../../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string) // by the name of the constant
	table := make(map[string]int)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Code" && len(n.Values) == 1 {
				values[n.Names[0].Name] = literal(n.Values[0])
			}
		case *ast.KeyValueExpr:
			name, ok := n.Key.(*ast.Ident)
			entry, isEntry := n.Value.(*ast.CompositeLit)
			if !ok || !isEntry || len(entry.Elts) != 2 {
				return true
			}
			table[values[name.Name]] = statusNames[entry.Elts[0].(*ast.SelectorExpr).Sel.Name]
			if literal(entry.Elts[1]) == "" {
				t.Errorf("%s has no text", name.Name)
			}
		}
		return true
	})
	if len(values) != len(table) {
		t.Errorf("%d codes, but %d in the table", len(values), len(table))
	}
	if diff := cmp.Diff(statuses, table); diff != "" {
		t.Error("the protocol's table (-) and the library's (+):\n" + diff)
	}
}

func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	s, _ := strconv.Unquote(l.Value)
	return s
}
