//! What a program embeds: connects through a locator list, with fail-over, and asks.
