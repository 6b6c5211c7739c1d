<?php
// php office.php https://node.example.vn:8443 TOKEN AUTHORITY.pem [LETTER.edxml]
// Hands a letter in, then fetches and confirms what lies ready. PHP 8.1 or later, with openssl.
[, $node, $token, $authority] = $argv;

function call(string $method, string $path, string $body = ''): string
{
    global $node, $token, $authority;
    while (true) {
        $stream = @fopen($node . $path, 'r', false, stream_context_create([
            'http' => [
                'method' => $method,
                'header' => ["Authorization: Bearer $token", 'Accept-Language: vi', 'Content-Type: application/xml'],
                'content' => $body,
                'protocol_version' => 1.1,
                'ignore_errors' => true, // refusals have a body, too
                'follow_location' => 0, // nobody else gets the token
                'timeout' => 60,
            ],
            'ssl' => ['cafile' => $authority],
        ]));
        $lines = $stream ? stream_get_meta_data($stream)['wrapper_data'] : ['HTTP/1.1 503 no answer'];
        $answer = $stream ? stream_get_contents($stream) : '';
        $status = (int) explode(' ', $lines[0])[1];
        $length = preg_grep('/^content-length:/i', $lines);
        if ($length && strlen($answer) !== (int) substr(current($length), 15)) {
            $status = 503; // the line broke in the middle
        }
        if ($status < 300) {
            return $answer;
        }
        if ($status !== 503 && $status !== 429) {
            fwrite(STDERR, "$answer\n");
            exit(1);
        }
        $later = preg_grep('/^retry-after:/i', $lines);
        sleep($later ? (int) substr(current($later), 12) : 5);
    }
}

if (isset($argv[4])) {
    $letter = file_get_contents($argv[4]);
    $digest = hash('sha256', $letter); // its name: handing it in again does no harm
    $told = json_decode(call('PUT', "/v1/envelopes/$digest", $letter));
    echo "accepted $told->document_id ", implode(' ', $told->recipients), "\n";
}
$page = json_decode(call('GET', '/v1/inbox?wait=10')); // go on with $page->cursor, for ever
foreach ($page->letters as $one) {
    $file = fopen("$one->letter.partial", 'w');
    fwrite($file, call('GET', "/v1/inbox/$one->letter"));
    fsync($file); // durable before it is confirmed
    fclose($file);
    rename("$one->letter.partial", "$one->letter.edxml");
    call('POST', "/v1/inbox/$one->letter/confirm");
    echo "taken over $one->letter\n";
}
