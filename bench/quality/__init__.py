"""What ten row rules, two of uniqueness and a quarantine cost beside a plain write."""
