module leader-run/bench/child

go 1.22
