"""Small files in the data directory by which the processes of one machine find each other."""
