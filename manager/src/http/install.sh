#!/bin/sh
MANAGER='@MANAGER@'
