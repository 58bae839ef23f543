# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# sdk.bash: the npm packages of the SDK tests, installed once.

# In setup_file: exports NODE_PATH.
install_sdk()
{
	local modules=$DNOT_ROOT/build/sdk

	mkdir -p "$modules"
	(
		# Two suites may run at once; npm ci empties the folder first.
		flock 9
		if ! cmp -s "$DNOT_ROOT/tests/net/sdk/package-lock.json" \
		    "$modules/done"; then
			cp "$DNOT_ROOT/tests/net/sdk"/package*.json "$modules"
			npm ci --prefix "$modules" --ignore-scripts \
			    --no-audit --no-fund --loglevel=error
			cp "$modules/package-lock.json" "$modules/done"
		fi
	) 9>"$modules.lock" 3>&-
	export NODE_PATH=$modules/node_modules
}
