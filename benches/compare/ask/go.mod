module ask

go 1.26
