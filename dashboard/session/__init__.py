"""What belongs to one reader's session: the view, the address bar, sign-in, rights, actions."""
