//! The sample repository, and what two people and a colleague want of it.
//!
//! Pure: files and their changes as text. Not here: how they get onto a server
//! ([`super::stage`]) and what Claude says while it makes them ([`super::plot`]).

/// Path of the file in which two changes meet.
pub const TOTAL: &str = "src/total.sh";
/// Path of the file that only one change touches.
pub const CART: &str = "src/cart.sh";
/// Path of the cart's tests.
pub const CART_TEST: &str = "tests/cart_test.sh";
/// Runs the repository's own tests.
pub const VERIFY: &str = "sh tests/run.sh";

const TOTAL_TEXT: &str = include_str!("shop/src/total.sh");
const CART_TEST_TEXT: &str = include_str!("shop/tests/cart_test.sh");

/// Every file of the first commit.
pub const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("shop/README.md")),
    ("prices.txt", include_str!("shop/prices.txt")),
    ("src/price.sh", include_str!("shop/src/price.sh")),
    (CART, include_str!("shop/src/cart.sh")),
    (TOTAL, TOTAL_TEXT),
    ("tests/run.sh", include_str!("shop/tests/run.sh")),
    (CART_TEST, CART_TEST_TEXT),
    ("tests/total_test.sh", include_str!("shop/tests/total_test.sh")),
];

/// A text in a file, and what takes its place.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// The text as it is; once in the file.
    pub old: &'static str,
    /// The text as it will be.
    pub new: &'static str,
}

/// The cart takes whole quantities above 0 only.
pub const CHECK_QUANTITY: Edit = Edit {
    old: r#"    echo "$2 $3" >>"$1""#,
    new: r#"    case $3 in
        '' | 0* | *[!0-9]*)
            echo "not a quantity: $3" >&2
            return 1
            ;;
    esac
    echo "$2 $3" >>"$1""#,
};

/// The test of [`CHECK_QUANTITY`], to be added to [`CART_TEST`].
const QUANTITY_TEST: &str = r#"
for quantity in "" 0 -1 1.5 two; do
    add_to_cart "$cart" bread "$quantity" 2>/dev/null
    expect "the quantity '$quantity' is refused" "$?" 1
done
"#;

const DISCOUNT: &str = r#"    # From 100.00 on there is a discount of 10 %.
    if [ "$total" -ge 10000 ]; then
        total=$((total - total / 10))
    fi
"#;

const SHIPPING: &str = r#"    # Shipping is free from 50.00 on.
    if [ "$total" -lt 5000 ]; then
        total=$((total + 490))
    fi
"#;

const END: &str = "    echo \"$total\"\n";

/// Path and content of the test of the discount.
pub const DISCOUNT_TEST: (&str, &str) = (
    "tests/discount_test.sh",
    r#"add_to_cart "$cart" kettle 2
expect "from 100.00 on there is a discount" "$(order_total "$cart")" 10800
"#,
);

const SHIPPING_TEST: (&str, &str) = (
    "tests/shipping_test.sh",
    r#"add_to_cart "$cart" bread 1
expect "a small order pays for shipping" "$(order_total "$cart")" 840
"#,
);

/// What the colleague calls the commit that gets in the way.
pub const SHIPPING_SUBJECT: &str = "Charge shipping below 50.00";

/// [`CART_TEST`] with the test of [`CHECK_QUANTITY`].
pub fn cart_test_with_quantities() -> String {
    format!("{CART_TEST_TEXT}{QUANTITY_TEST}")
}

/// [`TOTAL`] with the discount.
pub fn total_with_discount() -> String {
    total_with(DISCOUNT)
}

/// [`TOTAL`] with discount and shipping: the resolution.
pub fn total_with_both() -> String {
    total_with(&format!("{DISCOUNT}{SHIPPING}"))
}

/// The colleague's commit: shipping, in the lines where the discount goes too.
pub fn shipping() -> [(&'static str, String); 2] {
    [(TOTAL, total_with(SHIPPING)), (SHIPPING_TEST.0, SHIPPING_TEST.1.to_owned())]
}

fn total_with(change: &str) -> String {
    TOTAL_TEXT.replacen(END, &format!("{change}{END}"), 1)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::repo::Work;

    fn tests_pass(work: &Work) -> bool {
        let ran = Command::new("sh").arg("tests/run.sh").current_dir(work.path()).output().unwrap();
        ran.status.success()
    }

    async fn shop() -> Work {
        let work = Work::create().await.unwrap();
        work.commit_files("Open the shop", FILES).await.unwrap();
        work
    }

    #[tokio::test]
    async fn the_shop_passes_its_tests_with_and_without_the_clean_change() {
        let work = shop().await;
        assert!(tests_pass(&work));
        work.write(CART_TEST, cart_test_with_quantities()).unwrap();
        assert!(!tests_pass(&work), "the new test passes without the change");
        let cart = work.content("main", CART).await.unwrap();
        assert_eq!(cart.matches(CHECK_QUANTITY.old).count(), 1);
        work.write(CART, cart.replace(CHECK_QUANTITY.old, CHECK_QUANTITY.new)).unwrap();
        assert!(tests_pass(&work));
    }

    #[tokio::test]
    async fn discount_and_shipping_conflict_in_one_file_and_the_resolution_passes_both_tests() {
        let work = shop().await;
        work.branch("discount", "main").await.unwrap();
        work.write(TOTAL, total_with_discount()).unwrap();
        work.write(DISCOUNT_TEST.0, DISCOUNT_TEST.1).unwrap();
        assert!(tests_pass(&work));
        work.commit("Discount").await.unwrap();
        work.checkout("main").await.unwrap();
        for (file, content) in shipping() {
            work.write(file, content).unwrap();
        }
        assert!(tests_pass(&work));
        work.commit(SHIPPING_SUBJECT).await.unwrap();
        assert!(work.git(&["merge", "--quiet", "discount"]).await.is_err());
        let conflicted = work.git(&["diff", "--name-only", "--diff-filter=U"]).await.unwrap();
        assert_eq!(conflicted, format!("{TOTAL}\n"));
        assert!(!tests_pass(&work));
        work.write(TOTAL, total_with_both()).unwrap();
        assert!(tests_pass(&work));
    }
}
