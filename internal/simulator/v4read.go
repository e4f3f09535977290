package simulator

import (
	"net/http"
	"slices"
	"strconv"
)

// most is the most items of one reply, and the largest top of a search [D].
const mostItems = 10_000

// shown gives the tenant's holds that reads show by now, by identity.
func (w *World) shown(c *call) []*hold {
	if !c.tenant.hides {
		return c.tenant.holds
	}
	now := w.now()
	visible := make([]*hold, 0, len(c.tenant.holds))
	for _, h := range c.tenant.holds {
		if !now.Before(h.HiddenUntil) {
			visible = append(visible, h)
		}
	}
	return visible
}

// list shows everything at once [S].
func (w *World) list(c *call, _ bool) reply {
	all := w.shown(c)
	b := appendText([]byte(`{"trackingId":`), c.requestID)
	b = strconv.AppendInt(append(b, `,"totalCount":`...), int64(len(all)), 10)
	b = appendItems(w, append(b, `,"items":`...), c, all, w.appendHold)
	return reply{status: http.StatusOK, body: append(b, '}')}
}

// get shows one [S]. How one that does not exist is answered is not documented [I].
func (w *World) get(c *call, id string) reply {
	identity, err := strconv.ParseInt(id, 10, 64)
	h := w.holds[identity]
	if err != nil || h == nil || h.tenant != c.tenant || w.now().Before(h.HiddenUntil) {
		return v4Refusal(c, http.StatusNotFound, trouble{codeNotFound, "the pre-authorization does not exist"})
	}
	return w.instance(c, h)
}

// pagination is what the Pagination header asks for.
type pagination struct {
	number, size int
	excludeTotal bool
}

// paginationOf reads the header; without one, the first page of twenty [I]. The
// form of the header is JSON [I].
func paginationOf(r *http.Request) (pagination, bool) {
	page := pagination{number: 1, size: 20}
	header := r.Header.Get("Pagination")
	if header == "" {
		return page, true
	}
	body, err := members([]byte(header), "pageNumber", "pageSize", "excludeTotalCount")
	if err != nil {
		return page, false
	}
	read := func(name string, into *int) bool {
		if !present(body[name]) {
			return true
		}
		n, ok := whole(body[name])
		*into = int(n)
		return ok && n >= 1 && n <= 1<<31
	}
	page.excludeTotal = string(body["excludeTotalCount"]) == "true"
	return page, read("pageNumber", &page.number) && read("pageSize", &page.size)
}

// paged shows one page; a size above the cap is cut without a word [I].
func (w *World) paged(c *call, _ bool) reply {
	page, ok := paginationOf(c.request)
	if !ok {
		w.violation("paged: the Pagination header cannot be read")
		return v4Refusal(c, http.StatusBadRequest, trouble{codeInvalidQuery, "the Pagination header cannot be read"})
	}
	most := mostItems
	if w.settings.PageCap > 0 {
		most = w.settings.PageCap
	}
	page.size = min(page.size, most)
	if w.settings.IgnorePaging {
		page.number = 1
	}
	all := w.shown(c)
	from := min((page.number-1)*page.size, len(all))
	items := all[from:min(from+page.size, len(all))]
	b := appendText([]byte(`{"trackingId":`), c.requestID)
	b = strconv.AppendInt(append(b, `,"pagination":{"pageNumber":`...), int64(page.number), 10)
	b = strconv.AppendInt(append(b, `,"pageSize":`...), int64(page.size), 10)
	b = strconv.AppendBool(append(b, `,"excludeTotalCount":`...), page.excludeTotal)
	b = append(b, `},"pagedResults":{`...)
	if !page.excludeTotal {
		b = append(strconv.AppendInt(append(b, `"totalCount":`...), int64(len(all)), 10), ',')
	}
	b = appendItems(w, append(b, `"items":`...), c, items, w.appendHold)
	return reply{status: http.StatusOK, body: append(b, "}}"...)}
}

// appendItems appends an array of objects, with the oddities that are set.
func appendItems[T any](w *World, b []byte, c *call, items []T, show func([]byte, T) []byte) []byte {
	if w.settings.RepeatItems && len(items) > 0 {
		items = append(slices.Clone(items), items[len(items)-1])
	}
	if w.settings.ShuffleLists {
		items = slices.Clone(items)
		random(w.seed, "shuffle", c.requestID).Shuffle(len(items), func(i, j int) {
			items[i], items[j] = items[j], items[i]
		})
	}
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = show(b, item)
	}
	return append(b, ']')
}
