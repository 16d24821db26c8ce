#!/usr/bin/env node
import '../dist/leader-run.js';
