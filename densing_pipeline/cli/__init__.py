"""The command line `densing`: commands, what they print, errors as sentences, exit statuses.

Importing this package is quick: a command imports what it needs when it runs, so that `densing --help`
takes a fraction of a second. Not here: anything computed; the commands call the package's functions.
"""
