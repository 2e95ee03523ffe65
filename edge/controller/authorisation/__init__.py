"""Who may charge, where and when: what a card that is shown means, and what its record allows."""
