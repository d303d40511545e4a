"""Answers shown: tables for a terminal, figures."""
