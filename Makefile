# Short names for tools/; each works without make as well.
.PHONY: dev story test verify nightly fix
dev:
	tools/dev
story:
	tools/dev --story
test verify:
	tools/test
# Two million simulated lives, others than yesterday's; takes hours.
nightly:
	tools/simulate 200000 $$(($$(date +%s) / 86400 * 1000000))
fix:
	cargo fmt --all
	cargo clippy --workspace --all-targets --features mutants --fix --allow-dirty --allow-staged
