package main

import (
	"github.com/spf13/cobra"
)

func growthCommand() *cobra.Command { return &cobra.Command{Use: "growth", Hidden: true} }
