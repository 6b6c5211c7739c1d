"""What nodes say to each other: the messages of a link, by whom they are proven, and where they go."""
