// Some npm modules have Go in them. A module of its own keeps that out of Consign's ./... .
module github.com/consign-dev/consign/examples/typescript

go 1.26
