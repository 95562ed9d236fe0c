"""What a batch into a history table costs, and how many rows are wrong afterwards: ours and its peers, side by side."""
