"""Why a cluster does not let this client in: the cause, where, and which setting to change, in one line."""
