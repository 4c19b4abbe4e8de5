add_to_cart "$cart" bread 2
expect "an item is in the cart" "$(cat "$cart")" "bread 2"

add_to_cart "$cart" unicorn 1 2>/dev/null
expect "an item that the shop does not have is refused" "$?" 1
