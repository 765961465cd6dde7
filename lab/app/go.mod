module lab.invalid/labapp

go 1.21
