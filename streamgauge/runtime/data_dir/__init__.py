"""Small files in the data directory, through which the processes of one machine find and inform each other."""
