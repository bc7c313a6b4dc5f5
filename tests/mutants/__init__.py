"""Wrong patches, made by changing one thing at a time in the lines that a patch adds: the suite must notice each.

The mutation tools there are rewrite the file and start Python anew for each mutant. An installed file may be a hard
link into a cache, and importing litellm takes longer than the tests that kill a mutant; so these are compiled from the
syntax tree and put into the functions of a process that has imported and collected everything once, and forks.
"""
