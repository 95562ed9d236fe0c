"""The command line: check and compile configuration, deploy, run one stage, run again."""
