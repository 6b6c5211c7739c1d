<?php
// WEBHOOK_KEY=whpk_… php -S 127.0.0.1:8080 receiver.php       (or behind any other web server; with sodium)
$key = base64_decode(substr(getenv('WEBHOOK_KEY'), strlen('whpk_')));
$at = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '0';
$signed = ($_SERVER['HTTP_WEBHOOK_ID'] ?? '') . ".$at." . file_get_contents('php://input');
$genuine = false;
foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $one) {
    $signature = str_starts_with($one, 'v1a,') ? base64_decode(substr($one, 4), true) : false;
    $genuine = $genuine || ($signature !== false && strlen($signature) === SODIUM_CRYPTO_SIGN_BYTES
        && sodium_crypto_sign_verify_detached($signature, $signed, $key));
}
http_response_code($genuine && abs(time() - (int) $at) < 300 ? 204 : 401); // then fetch the inbox, in the background
