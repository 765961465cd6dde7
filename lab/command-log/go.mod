module lab.invalid/command-log

go 1.21
