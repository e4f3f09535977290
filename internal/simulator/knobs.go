package simulator

// Knob is a setting that the administration changes, and what it takes.
type Knob struct{ Name, Takes string }

// Knobs lists the settings by the names that the administration gives them.
func Knobs() []Knob {
	const flag, span, number = "true or false", "a duration, such as 30s", "a whole number"
	return []Knob{
		{"token_policy", "keep, overwrite, late or late_token"},
		{"token_delay", span + ": of the two late ones"},
		{"upper_case_tokens", flag},
		{"case_sensitive_search", flag},
		{"ignore_search", flag},
		{"ignore_paging", flag},
		{"shuffle_lists", flag},
		{"repeat_items", flag},
		{"page_cap", number + "; 0 means 10000"},
		{"create_reply", "object or instance"},
		{"capture_reply", "instance, object or empty"},
		{"capture_field", "the name of the field that gives the identity"},
		{"allow_double_capture", flag},
		{"already_captured_code", number},
		{"latency", span},
		{"login_ttl", span},
		{"expires_in_text", flag},
		{"login_refusal", "400 or 401"},
		{"rate_limit", number + ": requests of an access token in any rate_window; 0 means no limit"},
		{"rate_window", span},
		{"older_replies", flag},
		{"customers_page_cap", number + "; 0 means 1000"},
		{"cursor_at_end", flag},
		{"upper_case_ids", flag},
	}
}
