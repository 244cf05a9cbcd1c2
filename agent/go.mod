module github.com/zedops/zedops/agent

go 1.25.0
