package hotsock

import "github.com/hotsock-go/hotsock/internal/wire"

// A Page is a part of what a query selects. To read all of it, ask for the next
// page until there is none:
//
//	for q := (hotsock.StorageQuery{Channel: "board.7"}); ; {
//		page, err := rt.Storage(ctx, q)
//		if err != nil {
//			return err
//		}
//		use(page.Items)
//		if q.After = page.Next; q.After == "" {
//			return nil
//		}
//	}
type Page[T any] struct {
	// Items are as many as the query's Limit, or fewer if they are long.
	Items []T
	// Next is the After of the query for the next page; with
	// [HistoryQuery].Reverse it is the Before. "" means that there is no more.
	Next string
}

// pageLimit returns how many items the Limit of a query asks for.
func pageLimit(limit int) (int, error) {
	if limit < 0 || limit > wire.MaxPage {
		return 0, refuseBecause(CodeInvalidRequest, "Limit must be 1 to 100, or 0 for 100")
	}
	if limit == 0 {
		return wire.MaxPage, nil
	}
	return limit, nil
}
